"""The ground: what a dispute is, its history, its referrals, its rules, its store."""
