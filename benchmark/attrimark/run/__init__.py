"""How it is computed: cells go to workers, which prepare networks, attribute and measure."""
