"""Commands that sign as an HSM would, for --signer and keys.signer: they know the seed, read the
digest and answer the signature; and commands that do not."""
import re
import sys

PROGRAM = """
import ctypes, ctypes.util, sys
sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
seed = bytes.fromhex(sys.argv[1])
line = sys.stdin.read()
digest = bytes.fromhex(line.strip())
assert len(digest) == 32
public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
sodium.crypto_sign_seed_keypair(public, secret, seed)
signature = ctypes.create_string_buffer(64)
sodium.crypto_sign_detached(signature, None, digest, ctypes.c_ulonglong(32), secret)
if len(sys.argv) > 2:
    with open(sys.argv[2], "a") as log:
        log.write(line)
print(signature.raw.hex())
"""


def command(key, folder, log=None):
    """The command that signs with a key file's secret; log: where it notes each digest."""
    seed = re.search(r"^secret: (\w+)$", key.read_text(), re.MULTILINE).group(1)
    script = folder / "sign it.py"
    script.write_text(PROGRAM)
    return f"{sys.executable} '{script}' {seed}" + (f" '{log}'" if log is not None else "")


# What is said in place of a signature, and the code that it is refused with.
BAD = {"nothing": ("true", "DRV-7032"), "a failure": ("false", "DRV-7032"),
       "a word": ("echo abc", "DRV-7032"), "no hexadecimal": ("echo " + "zz" * 64, "DRV-7032"),
       "another signature": ("echo " + "ab" * 64, "DRV-7032"),
       "a digit too few": ("echo " + "ab" * 63 + "a", "DRV-7032"),
       "a digit too many": ("echo " + "ab" * 64 + "a", "DRV-7032"), "no end": ("yes", "DRV-7032"),
       "silence": ("sleep 1000", "DRV-7080"),
       "a deaf one": ("sh -c 'exec >&-; exec sleep 1000'", "DRV-7080"),
       "no program": ("no-such-program", "DRV-1005")}
