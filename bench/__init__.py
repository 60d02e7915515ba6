"""Programs that show speed, memory and hardness; each prints what it measured and against what."""
