"""`distgen verify`: prove that published commits are what the catalogue gives."""
