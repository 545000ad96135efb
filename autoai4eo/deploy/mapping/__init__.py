"""Maps: a scene goes in, a map comes out."""
