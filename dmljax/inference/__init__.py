"""Photographs and films in; faces, expressions, poses and embeddings out, by a trained run."""
