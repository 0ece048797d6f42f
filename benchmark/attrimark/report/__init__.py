"""A suite's results as one page: no other file, no network. `page` puts it together, `contents` says of what."""
