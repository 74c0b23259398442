"""Evidence: results as small files that are committed, verified and brought back, whoever made them."""
