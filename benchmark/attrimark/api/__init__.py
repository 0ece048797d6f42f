"""For people with a model in hand: `attrimark.evaluate`."""
