"""A JAX program rewritten into the operations of other runtimes: walk, rules, and a target for each."""
