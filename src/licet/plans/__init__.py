"""Plans: the account's plan, the plans that it may choose, and the rules of a change of plan."""
