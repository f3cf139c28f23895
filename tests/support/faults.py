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

    def logins(self):
        """The return codes of all C_Login calls so far."""
        if not self.calls_path.exists():
            return []
        return [code for name, code in map(str.split, self.calls_path.read_text().splitlines()) if name == "C_Login"]
