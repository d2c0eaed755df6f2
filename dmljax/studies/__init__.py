"""Many runs: members, the engines that run them, results, measures, published numbers."""
