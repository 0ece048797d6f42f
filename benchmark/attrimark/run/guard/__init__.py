"""What plugins see of the network is as it was when they are done, or their cell has no numbers."""
