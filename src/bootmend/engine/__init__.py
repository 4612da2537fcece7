"""The engine: diagnose a target, plan a repair, apply it through the journal, take it back."""
