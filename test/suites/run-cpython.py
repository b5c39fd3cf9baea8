"""Runs tests of CPython by name, and appends a line of JSON to a file when each one ends.

Python's own reports go to stderr between what the tests write themselves, so they cannot be read back.
Usage: run-cpython.py FILE RESOURCES NAME...
RESOURCES are those of test.support, with commas between them. Without one, its tests are skipped.
"""

import json
import sys
import unittest

import test.support

results = ""


class Result(unittest.TextTestResult):
    def tell(self, test, state, why=""):
        # Opened each time: some tests close every descriptor.
        with open(results, "a", encoding="utf-8") as file:
            json.dump({"test": test.id(), "state": state, "why": str(why)[-2000:]}, file)
            file.write("\n")

    def tell_failure(self, test, error):
        self.tell(test, "failed", self._exc_info_to_string(error, test))

    def addSuccess(self, test):
        super().addSuccess(test)
        self.tell(test, "ok")

    def addExpectedFailure(self, test, error):
        super().addExpectedFailure(test, error)
        self.tell(test, "ok")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.tell(test, "failed", "it was expected to fail")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.tell(test, "skipped", reason)

    def addError(self, test, error):
        super().addError(test, error)
        self.tell_failure(test, error)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.tell_failure(test, error)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.tell_failure(test, error)


# Tests of multiprocessing import this module again in their children.
if __name__ == "__main__":
    results, resources, *names = sys.argv[1:]
    test.support.use_resources = [name for name in resources.split(",") if name]
    # Some tests look at the arguments.
    sys.argv[1:] = []
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    unittest.TextTestRunner(resultclass=Result, verbosity=2).run(suite)
