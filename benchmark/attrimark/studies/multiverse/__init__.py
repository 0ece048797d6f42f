"""Every verdict over all the choices that could have been made otherwise."""
