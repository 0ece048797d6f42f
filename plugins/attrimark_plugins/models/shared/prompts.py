"""Prompts of the papers."""

SENTIMENT_PROMPT = (  # Videneeva, section VI-C, as printed
    "Classify the following sentence as either positive or negative: {text}. "
    "Reply only 'positive' or 'negative'. The sentence is"
)
