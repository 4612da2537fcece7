"""The rescue: a machine, or many, brought back durably: workflows that survive being killed, over the engine and a cloud."""
