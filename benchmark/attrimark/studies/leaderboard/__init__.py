"""Methods compared: what tables say of them, and the forms that tables take."""
