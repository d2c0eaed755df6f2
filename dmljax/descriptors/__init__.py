"""Hand-made descriptors of faces, a file each, for support vector machines to compare a network with."""
