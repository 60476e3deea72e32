"""What is seen only when several runs of capsule networks lie side by side."""
