"""Faults of the HSM, by the fault module; the rules' syntax stands at the top of tests/hsm/fault_module.cc."""

from .paths import SOFTHSM_MODULE


class Faults:
    """The control file of one process."""

    def __init__(self, path):
        self.path = path
        self.calls_path = path.with_name(path.name + ".calls")
        self.clear()

    @property
    def environment(self):
        return {"CLAVIGER_FAULTS_MODULE": str(SOFTHSM_MODULE), "CLAVIGER_FAULTS_FILE": str(self.path)}

    def set(self, *rules):
        """These rules stand from now on, and no others."""
        # Renamed into place: the module must never read half a file.
        new = self.path.with_name(self.path.name + ".new")
        new.write_text("".join(rule + "\n" for rule in rules))
        new.rename(self.path)

    def clear(self):
        self.set()

    def calls(self, function):
        """The return codes of all calls of that function so far, in whichever process."""
        return [rest for name, rest in self._record() if name == function]

    def tried(self):
        """What became of each `do try` so far: pairs of the act and "done" or an error."""
        return [rest.rsplit(" ", 1) for name, rest in self._record() if name == "TRY"]

    def _record(self):
        if not self.calls_path.exists():
            return []
        return [line.split(" ", 1) for line in self.calls_path.read_text().splitlines()]

    def logins(self):
        return self.calls("C_Login")
