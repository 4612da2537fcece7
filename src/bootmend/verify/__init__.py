"""Looking from outside whether a machine answers: Remote Desktop, the serial console, a boot test.

Beside the tower: it imports nothing of it but the model and the errors.  Sockets, terminals and QEMU are allowed here;
a disk is never written.  What is claimed is graded: an open port is no Remote Desktop, a picture is no answer.
"""
