"""A token that belongs to a customer, and the customer's own tool for its keys: bare PKCS#11 in a process of its own."""

import os
import secrets
import subprocess
import sys

from .paths import SOFTHSM_MODULE

TOOL = r"""
import ctypes, sys
from ctypes import byref, c_ubyte, c_ulong, c_void_p

module, label, pin, verb, key = sys.argv[1:6]
lib = ctypes.CDLL(module)
CLASS, TOKEN, PRIVATE, LABEL, KEY_TYPE, SENSITIVE, ENCRYPT, DECRYPT, VALUE_LEN, EXTRACTABLE = (
    0x0, 0x1, 0x2, 0x3, 0x100, 0x103, 0x104, 0x105, 0x161, 0x162)


class Attribute(ctypes.Structure):
    _fields_ = [("type", c_ulong), ("value", c_void_p), ("length", c_ulong)]


class Mechanism(ctypes.Structure):
    _fields_ = [("mechanism", c_ulong), ("parameter", c_void_p), ("length", c_ulong)]


def template(**values):
    held, attributes = [], []
    for name, value in values.items():
        data = (c_ubyte(value) if isinstance(value, bool) else c_ulong(value) if isinstance(value, int)
                else ctypes.create_string_buffer(value.encode(), len(value)))
        held.append(data)
        attributes.append(Attribute(globals()[name], ctypes.cast(byref(data), c_void_p), ctypes.sizeof(data)))
    array = (Attribute * len(attributes))(*attributes)
    array.held = held
    return array, c_ulong(len(attributes))


def call(name, *arguments):
    code = getattr(lib, name)(*arguments)
    if code:
        sys.exit(f"{name}: {code:#x}")


def slot():
    count = c_ulong(64)
    slots = (c_ulong * 64)()
    call("C_GetSlotList", c_ubyte(1), slots, byref(count))
    for number in slots[:count.value]:
        info = ctypes.create_string_buffer(1024)
        call("C_GetTokenInfo", c_ulong(number), info)
        if info.raw[:32].decode().rstrip() == label:
            return c_ulong(number)
    sys.exit("no such token")


call("C_Initialize", None)
session = c_ulong()
call("C_OpenSession", slot(), c_ulong(6), None, None, byref(session))
call("C_Login", session, c_ulong(1), pin.encode(), c_ulong(len(pin)))


def find():
    found, count = c_ulong(), c_ulong()
    call("C_FindObjectsInit", session, *template(CLASS=4, LABEL=key))
    call("C_FindObjects", session, byref(found), c_ulong(1), byref(count))
    call("C_FindObjectsFinal", session)
    return found if count.value else sys.exit("no such key")


if verb == "make":
    made = c_ulong()
    call("C_GenerateKey", session, byref(Mechanism(0x1080, None, 0)),
         *template(CLASS=4, KEY_TYPE=0x1F, VALUE_LEN=int(sys.argv[6]), TOKEN=True, PRIVATE=True, SENSITIVE=True,
                   EXTRACTABLE=False, ENCRYPT=True, DECRYPT=True, LABEL=key), byref(made))
elif verb == "allow":
    call("C_SetAttributeValue", session, find(), *template(ENCRYPT=sys.argv[6] == "yes", DECRYPT=sys.argv[6] == "yes"))
elif verb == "rename":
    call("C_SetAttributeValue", session, find(), *template(LABEL=sys.argv[6]))
elif verb == "remove":
    call("C_DestroyObject", session, find())
call("C_Finalize", None)
"""


class CustomerToken:
    """In the same SoftHSM as the installation's own token; daemons see it that start after it was made."""

    def __init__(self, installation, label="acme"):
        self.installation = installation
        self.label = label
        self.pin = secrets.token_hex(8)
        self.pin_file = installation.directory / (label.replace(" ", "-") + ".pin")
        self.pin_file.write_text(self.pin)
        self.pin_file.chmod(0o600)
        tokens = installation.token.directory / "tokens"
        before = set(tokens.iterdir())
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", self.pin, "--so-pin",
                        secrets.token_hex(8)], env=self._environment, check=True, capture_output=True, timeout=30)
        self.directory, = set(tokens.iterdir()) - before

    @property
    def _environment(self):
        return os.environ | self.installation.token.environment

    def setting(self, org):
        """What hsm.customer_token says of it."""
        return f"{org} {self.label} {self.pin_file}"

    def _do(self, *arguments):
        result = subprocess.run([sys.executable, "-c", TOOL, str(SOFTHSM_MODULE), self.label, self.pin, *arguments],
                                env=self._environment, capture_output=True, text=True, timeout=60)
        assert result.returncode == 0, result.stderr

    def make(self, key, size=32):
        self._do("make", key, str(size))

    def disable(self, key):
        self._do("allow", key, "no")

    def enable(self, key):
        self._do("allow", key, "yes")

    def rename(self, key, name):
        self._do("rename", key, name)

    def remove(self, key):
        self._do("remove", key)

    def take_away(self):
        """The whole token, with all its keys."""
        self.directory.rename(self.directory.parent.parent / f"{self.label}.taken")

    def bring_back(self):
        (self.directory.parent.parent / f"{self.label}.taken").rename(self.directory)
