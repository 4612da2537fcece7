# The boot code that bootmend puts into an MBR whose own is gone: 440 bytes at most, written for bootmend from the
# published interface of the BIOS (int 13h, "EDD") and of an MBR, and free for any use.  What it does, and no more:
#
#   moves itself to 0000:0600, finds the one active entry, reads that partition's first sector to 0000:7C00 by LBA
#   (by cylinder, head and sector where the BIOS has no extensions), checks its 55 AA, and jumps there with the
#   drive in DL and DS:SI at the entry.  On any fault: a line of text, and it stops.
#
# Assemble:  as --32 -o mbr.o tools/mbr_code.S && objcopy -O binary -j .text mbr.o mbr.bin
# The bytes stand in src/bootmend/partition/boot_code.py; a test assembles this file and compares.

        .code16
        .text
        .globl _start
        .set RELOCATED, 0x600
        .set LOADED, 0x7c00
        .set TABLE, RELOCATED + 446

_start: cli
        xorw    %ax, %ax
        movw    %ax, %ss
        movw    $LOADED, %sp
        movw    %ax, %ds
        movw    %ax, %es
        sti
        cld
        movw    $LOADED, %si
        movw    $RELOCATED, %di
        movw    $256, %cx
        rep     movsw
        ljmp    $0, $(RELOCATED + moved - _start)

moved:  movw    $TABLE, %si             # look at the four entries
        movw    $4, %cx
        xorw    %bp, %bp                # BP: the active one
1:      movb    (%si), %al
        testb   %al, %al
        jz      3f
        cmpb    $0x80, %al              # anything but 0 and 80h is no partition table
        jne     bad_table
        testw   %bp, %bp                # nor are two active ones
        jnz     bad_table
        movw    %si, %bp
3:      addw    $16, %si
        loop    1b
        testw   %bp, %bp
        jz      bad_table

        pushw   %dx                     # DL: the drive the BIOS started from
        movb    $0x41, %ah              # are there extensions?
        movw    $0x55aa, %bx
        int     $0x13
        popw    %dx
        jc      by_chs
        cmpw    $0xaa55, %bx
        jne     by_chs
        testb   $1, %cl
        jz      by_chs

        movw    $5, %di                 # by LBA, five times
lba:    pushl   $0                      # a disk address packet on the stack
        pushl   8(%bp)
        pushw   $0
        pushw   $LOADED
        pushw   $1
        pushw   $16
        movw    %sp, %si
        movb    $0x42, %ah
        pushw   %dx
        int     $0x13
        popw    %dx
        lea     16(%si), %sp            # SP was at SI: drop the packet, keep the flags
        jnc     loaded
        call    reset
        jnz     lba
        jmp     bad_read

by_chs: movw    $5, %di
chs:    movw    $0x0201, %ax
        movw    $LOADED, %bx
        movb    1(%bp), %dh
        movw    2(%bp), %cx
        pushw   %dx
        int     $0x13
        popw    %dx
        jnc     loaded
        call    reset
        jnz     chs
        jmp     bad_read

reset:  pushw   %dx                     # try again, after a reset; ZF when that was the last time
        xorw    %ax, %ax
        int     $0x13
        popw    %dx
        decw    %di
        ret

loaded: cmpw    $0xaa55, LOADED + 510
        jne     no_system
        movw    %bp, %si
        ljmp    $0, $LOADED

bad_table:
        movw    $(RELOCATED + text_table - _start), %si
        jmp     say
bad_read:
        movw    $(RELOCATED + text_read - _start), %si
        jmp     say
no_system:
        movw    $(RELOCATED + text_system - _start), %si
say:    lodsb
        testb   %al, %al
        jz      stop
        movw    $7, %bx
        movb    $0x0e, %ah
        int     $0x10
        jmp     say
stop:   sti
        hlt
        jmp     stop

text_table:  .asciz "No single active partition: the partition table is invalid"
text_read:   .asciz "The first sector of the active partition cannot be read"
text_system: .asciz "The active partition has no boot sector"
