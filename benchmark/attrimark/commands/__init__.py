"""The commands of `attrimark`, one a file; each is imported when it is called."""
