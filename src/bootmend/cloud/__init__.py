"""Where machines and their disks are: one package a provider."""
