"""A run compared with what was recorded of an earlier one."""
