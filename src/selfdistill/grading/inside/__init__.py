"""The part of the grader that runs inside the sandbox. Imports only the standard library and itself."""
