"""What every method's training shares: settings, device, loop, run folder, command. Knows no method."""
