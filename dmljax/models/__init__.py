"""The network: regions, fusion, embedding, heads."""
