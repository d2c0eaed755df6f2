"""A local page: what a trained run makes of a photograph, and which training people are nearest to it."""
