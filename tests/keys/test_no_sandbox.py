"""A build with a sanitizer cannot be shut in: it reads /proc, maps code and traces itself."""


def test_a_build_without_a_sandbox_says_so(own_daemon):
    told = [line for line in own_daemon.logs if line["message"] == "NO SANDBOX"]
    assert {line["process"] for line in told} == {"api", "starter", "key process"}
    assert {line["why"] for line in told} == {"built with a sanitizer"}
