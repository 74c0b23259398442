"""The run: specification, plan, execution and the store of results."""
