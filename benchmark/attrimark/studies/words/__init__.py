"""What each method scores every word of some texts."""
