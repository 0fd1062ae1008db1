#!/usr/bin/python3
"""A running host and its configuration: drop-ins, variables, all faults at once, a refused one that is
waited for. Without a broker: nobody answers at the address."""
import os
import re
import shutil
import signal
import tempfile
import unittest

from harness.host import Host

SECRET = "hunter2-hunter2"


class Configuration(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="take5-")
        self.host = Host(self.directory, "127.0.0.1:1")
        self.host.drop("good_v1")
        self.drop_ins = os.path.join(self.host.directory, "take5.d")
        os.mkdir(self.drop_ins)

    def tearDown(self):
        self.host.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def drop_in(self, text, name="50-test.ini"):
        with open(os.path.join(self.drop_ins, name), "w", encoding="utf-8") as file:
            file.write(text)

    def start(self, *arguments, **variables):
        self.host.start(*arguments, **variables)
        self.host.wait_event("start.begun")
        self.host.wait_status("good", lambda s: [x["name"] for x in s["strategies"]])

    def everything_said(self):
        return self.host.log_text() + self.host.stdout()

    def test_a_reload_reads_drop_ins_and_names_what_needs_a_restart(self):
        self.start()
        self.drop_in("[log]\nlevel = DEBUG\n[strategy:good]\nenabled = no\n")
        code, out, said = self.host.ctl("reload")
        self.assertEqual(code, 0, said)
        self.host.wait_status("no strategy", lambda s: s["strategies"] == [])
        self.drop_in("[take5]\nlanes = 2\n[log]\nlevel = NOISY\n")
        code, out, said = self.host.ctl("reload")
        self.assertNotEqual(code, 0)
        self.assertRegex(out + said, r"take5\.d/50-test\.ini:4: \[log\] level = NOISY is invalid")
        self.drop_in("[take5]\nlanes = 2\n")
        self.host.process.signal(signal.SIGHUP)
        self.host.wait_log(r"take5\.d/50-test\.ini:2: \[take5\] lanes is now 2, was 1")

    def test_a_warning_is_no_failure_of_a_reload(self):
        self.start("-s", "kafka.sasl.password=" + SECRET)
        mark = self.host.log_size()
        code, out, said = self.host.ctl("reload")
        self.assertEqual(code, 0, out + said)
        self.assertRegex(out, r"(?m)^warning: command line: \[kafka\] sasl\.password: ")
        self.host.wait_event("reload.summary", start=mark)
        self.assertEqual(self.host.events("reload.failed", mark), [])
        self.assertRegex(self.host.log_text(mark), r"WARNING .*reload: command line: ")
        last = self.host.status()["last_reload"]
        self.assertEqual((last["ok"], last["faults"], len(last["warnings"])), (True, [], 1))
        self.assertNotIn("REFUSED", self.host.ctl("status")[1])
        self.drop_in("[http]\nport = many\n")
        code, out, said = self.host.ctl("reload")
        self.assertEqual(code, 1, out + said)
        self.assertEqual(len(self.host.events("reload.failed", mark)), 2, "the fault, and the sum")

    def test_ctl_finds_the_host_by_a_drop_in(self):
        self.drop_in(f"[take5]\nrun_dir = {self.directory}/${{WHERE:-elsewhere}}\n")
        self.start()
        self.assertTrue(os.path.exists(f"{self.directory}/elsewhere/control.sock"))

    def test_what_variables_hold_is_nowhere_to_be_read(self):
        self.drop_in("[kafka]\nclient.id = ${SECRET}\nsasl.username = x-${SECRET}\n"
                     "[log]\nlevel = DEBUG\n[strategy:good]\nnonsense = ${SECRET}\n")
        self.host.start(SECRET=SECRET)
        self.host.wait_event("strategies.none_running")
        self.host.ctl("reload")
        self.drop_in("[kafka]\nclient.id = a-${SECRET}\n")
        self.host.ctl("reload")
        self.host.wait_log(r"\[kafka\] client\.id is now a-\$\{SECRET\}, was \$\{SECRET\}")
        self.assertNotIn(SECRET, self.everything_said() + str(self.host.status()))
        os.environ["SECRET"] = SECRET
        try:
            for arguments in (("--settings",), (), ("--json",)):
                done = self.host.take5("check", "-c", self.host.ini, *arguments)
                self.assertNotIn(SECRET, str(done))
        finally:
            del os.environ["SECRET"]

    def test_workers_have_drop_ins_and_variables_too(self):
        self.drop_in("[take5]\nisolate = each\nlanes = ${LANES}\n[worker:good]\n"
                     "lanes = ${LANES}\n")
        self.host.start(LANES="3")
        self.host.wait_event("start.begun", r".*")
        self.host.wait_log(r"group \S+, 3 lanes")

    def test_check_tells_all_faults_at_once(self):
        self.host.deploy("good", nonsense=1)
        self.drop_in("[http]\nport = many\n")
        self.drop_in("[kafka]\nno.such.property = 1\ngroup.id = ${NOT_THERE}\n", "60.ini")
        self.host.sections["log"] = {"format": "fancy"}
        self.host.sections["dead_letters"]["path"] = self.host.ini + "/x"
        self.host.write_ini()
        code, out, said = self.host.take5("check", "-c", self.host.ini)
        self.assertEqual(code, 78)
        self.assertIn("good: NOT fit to run", out)
        for fault in (r"take5\.d/50-test\.ini:2: \[http\] port = many",
                      r"take5\.d/60\.ini:2: .*no\.such\.property",
                      r"take5\.d/60\.ini:3: \[kafka\] group\.id: the environment variable NOT_THERE",
                      r"take5\.ini:\d+: \[log\] format = fancy",
                      r"take5\.ini:\d+: \[dead_letters\] path = \S+ cannot be made",
                      r"good: \S+strategies\.d/good\.ini:2: .*nonsense"):
            self.assertRegex(said, rf"(?m)^\S*{fault}" if not fault.startswith("good") else fault)

    def test_a_file_that_is_not_there_is_all_that_check_looks_at(self):
        for missing in (self.host.ini + ".not", self.host.directory):
            for arguments in ((), ("--json",), ("--settings",)):
                code, out, said = self.host.take5("check", "-c", missing, *arguments)
                self.assertEqual((code, out), (78, ""), arguments)
                self.assertRegex(said, rf"\A{re.escape(missing)}: [^\n]+\n\Z")

    def test_the_settings_in_force_are_shown_with_their_places(self):
        self.drop_in("[take5]\nlanes = 7\n")
        code, out, said = self.host.take5("check", "-c", self.host.ini, "-s", "http.port=8099",
                                          "--settings")
        self.assertEqual((code, said), (0, ""))
        self.assertRegex(out, r"(?m)^take5\.lanes = 7 \(\S+take5\.d/50-test\.ini:2\)$")
        self.assertRegex(out, r"(?m)^http\.port = 8099 \(command line\)$")
        self.assertRegex(out, r"(?m)^take5\.suspend = 10s \(default\)$")

    def test_a_refused_configuration_is_waited_for(self):
        self.drop_in("[http]\nport = many\n")
        self.host.start("--wait-for-config")
        self.host.wait_log("send SIGHUP to try again")
        self.assertTrue(self.host.process.is_running())
        mark = self.host.log_size()
        self.host.process.signal(signal.SIGHUP)
        self.host.wait_log("send SIGHUP to try again", start=mark)
        self.drop_in("[take5]\nservice = repaired\n")
        self.host.process.signal(signal.SIGHUP)
        self.host.wait_event("start.begun", ".*repaired")
        self.host.wait_status("it runs", lambda s: s["strategies"])
        self.host.stop()

    def test_a_stop_ends_the_waiting_with_the_code_of_a_refused_configuration(self):
        self.drop_in("[http]\nport = many\n")
        self.host.start("--wait-for-config")
        self.host.wait_log("send SIGHUP to try again")
        self.host.process.signal(signal.SIGTERM)
        self.assertEqual(self.host.process.wait(60), 78)

    def test_strategies_of_the_package_run_beside_ones_own(self):
        self.drop_in("[take5]\nbundled_strategies = yes\n")
        code, out, _ = self.host.take5("list", "-c", self.host.ini)
        self.assertEqual(code, 0)
        names = re.findall(r"(?m)^(\w+) ", out)
        self.assertLessEqual({"good", "console", "cross", "momentum", "trend"}, set(names))


if __name__ == "__main__":
    unittest.main(verbosity=2)
