"""What differs: ours from what was published, a store from another."""
