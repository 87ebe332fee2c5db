#include "sandbox/product.h"

#include "sandbox/images/product.h"

namespace acloud::sandbox {
namespace {

using kernel::Effect;

template <class Request>
std::string sandbox_of(const Request& request) {
  return "sandbox/" + request.id;
}

void declare_life(kernel::Product& sandbox, SandboxService& service) {
  sandbox.operation<CreateSandbox, SandboxInfo>("create")
      .summary("Start a sandbox.")
      .keywords("new start boot launch machine vm container environment linux computer isolated")
      .description(
          "It has its own root file system, processes, users and loopback, and no network. It lives until it "
          "is killed, its deadline passes or the machine goes down; a restart of the server it survives.")
      .effect(Effect::spend)
      .ephemeral()
      .example("One with the usual limits", "{}")
      .example("A small one for an hour",
               R"({"deadline_s":3600,"limits":{"memory_bytes":268435456,"cpus":0.5}})")
      .handler(service, &SandboxService::create);
  sandbox.operation<SandboxName, SandboxInfo>("get")
      .summary("Show a sandbox: its state, limits and what it uses.")
      .keywords("show state status limits usage memory one sandbox")
      .resource(sandbox_of<SandboxName>)
      .example("One", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &SandboxService::get);
  sandbox.operation<ListSandboxes, SandboxList>("list")
      .summary("List the workspace's sandboxes.")
      .keywords("show all running machines vms containers which")
      .example("Those that are paused", R"({"state":"paused"})")
      .handler(service, &SandboxService::list);
  sandbox.operation<IsolationRequest, Isolation>("isolation")
      .summary("Show what keeps sandboxes apart on this server, and what it can't enforce.")
      .keywords("security walls safe apart enforce")
      .example("What there is", "{}")
      .handler(service, &SandboxService::isolation);
  sandbox.operation<SetTimeout, SandboxInfo>("set_timeout")
      .summary("Say anew when a sandbox is paused or killed.")
      .keywords("extend lifetime keep alive longer deadline idle timeout")
      .effect(Effect::write)
      .ephemeral()
      .resource(sandbox_of<SetTimeout>)
      .example("Ten minutes from now", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","deadline_s":600})")
      .handler(service, &SandboxService::set_timeout);
  sandbox.operation<SetEgress, SandboxInfo>("set_egress")
      .summary("Say anew what of the network a sandbox may reach.")
      .keywords("internet access allow deny block domain host outbound firewall reach cut off online")
      .description(
          "Connections that are no longer allowed are broken off. Programs that run keep the environment "
          "that "
          "they were started with.")
      .effect(Effect::write)
      .ephemeral()
      .resource(sandbox_of<SetEgress>)
      .example("The cloud itself", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","egress":{"cloud":true}})")
      .example("Two hosts",
               R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","egress":{"allow":["example.com:443","*.example.org"]}})")
      .handler(service, &SandboxService::set_egress);
  sandbox.operation<ConnectPort, PortConnection>("connect_port")
      .summary("Connect with a port of a sandbox, waking it.")
      .keywords("open web page url http server website expose preview port browser")
      .description(
          "Ask over HTTP at /sandboxes/{id}/ports/{port}/, WebSockets too: this is the call behind it.")
      .effect(Effect::write)
      .ephemeral()
      .body_out("content")
      .resource(sandbox_of<ConnectPort>)
      .example("A web server inside", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","port":8000})")
      .handler(service, &SandboxService::connect_port);
  sandbox.operation<SandboxName, SandboxName>("kill")
      .summary("End a sandbox with all that is in it.")
      .keywords("destroy stop end remove delete shut down terminate machine vm container")
      .effect(Effect::destroy)
      .ephemeral()
      .resource(sandbox_of<SandboxName>)
      .example("Kill it", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &SandboxService::kill);
  sandbox.operation<PauseSandbox, SandboxInfo>("pause")
      .summary("Freeze a sandbox in memory, also in the middle of a command; or keep its files alone.")
      .keywords("freeze suspend hold hibernate")
      .effect(Effect::write)
      .ephemeral()
      .resource(sandbox_of<PauseSandbox>)
      .example("Pause it", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9"})")
      .example("Free its memory", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","keep":"files"})")
      .handler(service, &SandboxService::pause);
  sandbox.operation<SandboxName, SandboxInfo>("resume")
      .summary("Let a paused sandbox go on. Any use of it does the same.")
      .keywords("continue unpause wake thaw go on")
      .effect(Effect::write)
      .ephemeral()
      .resource(sandbox_of<SandboxName>)
      .example("Resume it", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &SandboxService::resume);
}

void declare_processes(kernel::Product& sandbox, SandboxService& service) {
  sandbox.operation<StartProcess, ProcessInfo>("start_process")
      .summary("Start a command that runs whether or not anybody waits for it.")
      .keywords("background server daemon long running launch program web service terminal pty")
      .description(
          "Streams \"start\", then \"stdout\", \"stderr\" or \"pty\" events, then \"exit\"; who goes away "
          "leaves it running. Without a stream it answers at once. It survives a restart of the server.")
      .effect(Effect::write)
      .ephemeral()
      .streams()
      .background()
      .resource(sandbox_of<StartProcess>)
      .example("A web server",
               R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","command":"python3 -m http.server","tag":"web"})")
      .example(
          "A shell in a terminal",
          R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","command":["/bin/bash","-i"],"pty":{"rows":24,"columns":80}})")
      .handler(service, &SandboxService::start_process);
  sandbox.operation<SandboxName, ProcessList>("list_processes")
      .summary("List what start_process has started in a sandbox: what runs, and the last that ended.")
      .keywords("show running programs what is running background")
      .resource(sandbox_of<SandboxName>)
      .example("All", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &SandboxService::list_processes);
  sandbox.operation<FollowProcess, FollowedProcess>("follow_process")
      .summary("Follow a process to its end, with its output.")
      .keywords("watch tail output log attach wait background program")
      .description(
          "Streams \"stdout\", \"stderr\" or \"pty\" events, then \"exit\". Whoever follows holds the "
          "process "
          "up where he reads more slowly than it writes; while nobody does, it goes on, and the last 256 KiB "
          "are kept.")
      .streams()
      .resource(sandbox_of<FollowProcess>)
      .example("From now on", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","pid":7,"from_beginning":false})")
      .handler(service, &SandboxService::follow_process);
  sandbox.operation<WriteStdin, ProcessInfo>("write_stdin")
      .summary("Give a process something to read, or the end of its input.")
      .keywords("type input send keyboard answer program stdin")
      .effect(Effect::write)
      .ephemeral()
      .resource(sandbox_of<WriteStdin>)
      .example("A line", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","pid":7,"content":"ls\n"})")
      .handler(service, &SandboxService::write_stdin);
  sandbox.operation<SignalProcess, ProcessInfo>("signal_process")
      .summary("Send a signal to a process, its group, or all that it started.")
      .keywords("stop kill interrupt ctrl-c terminate program process")
      .effect(Effect::write)
      .ephemeral()
      .resource(sandbox_of<SignalProcess>)
      .example("As Ctrl-C does", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","pid":7,"signal":"SIGINT"})")
      .example("End it all", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","pid":7,"signal":"SIGKILL","whom":"tree"})")
      .handler(service, &SandboxService::signal_process);
  sandbox.operation<ResizeTerminal, ProcessInfo>("resize_terminal")
      .summary("Change the size of a process's terminal.")
      .keywords("window size rows columns terminal tty")
      .effect(Effect::write)
      .ephemeral()
      .resource(sandbox_of<ResizeTerminal>)
      .example("A wide one", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","pid":7,"rows":50,"columns":200})")
      .handler(service, &SandboxService::resize_terminal);
}

void declare_work(kernel::Product& sandbox, SandboxService& service) {
  sandbox.operation<Execute, Executed>("exec")
      .summary("Run a command in a sandbox and wait for its end.")
      .keywords("run shell bash command script program execute install package apt pip line ls grep git")
      .description(
          "Streams \"start\", {\"pid\":...}, \"stdout\" and \"stderr\" events, {\"text\":...}, while it "
          "runs, then \"exit\". What it "
          "leaves in the background goes on; what that writes later is lost.")
      .effect(Effect::write)
      .ephemeral()
      .streams()
      .resource(sandbox_of<Execute>)
      .example("A line for the shell", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","command":"ls -l | wc -l"})")
      .example(
          "A program as it is, with input",
          R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","command":["python3","-"],"stdin":"print('hello')\n","timeout_s":10})")
      .handler(service, &SandboxService::exec);
  declare_processes(sandbox, service);
  sandbox.operation<WriteFile, FileInfo>("write_file")
      .summary("Write a file in a sandbox, in place of what was there.")
      .keywords("upload put copy save create file into sandbox script source")
      .description(
          "Large files are sent as the raw request body, with the other fields in the query. A write that "
          "breaks off leaves what had arrived.")
      .effect(Effect::write)
      .ephemeral()
      .body_in("content")
      .resource(sandbox_of<WriteFile>)
      .example("A script",
               R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","path":"run.sh","content":"echo hello\n","mode":"755"})")
      .handler(service, &SandboxService::write_file);
  sandbox.operation<ReadFile, FileContent>("read_file")
      .summary("Read a file of a sandbox, whole or in part.")
      .keywords("download get copy show cat file out of from sandbox output result")
      .description("With Accept: application/octet-stream the bytes stream as they are.")
      .body_out("content")
      .resource(sandbox_of<ReadFile>)
      .example("The whole file", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","path":"/etc/os-release"})")
      .handler(service, &SandboxService::read_file);
  sandbox.operation<ListFiles, FileList>("list_files")
      .summary("List what is in a folder of a sandbox.")
      .keywords("ls dir directory folder files inside sandbox show")
      .resource(sandbox_of<ListFiles>)
      .example("The home folder", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &SandboxService::list_files);
}

void declare_trees(kernel::Product& sandbox, SandboxService& service) {
  sandbox.operation<FileName, FileInfo>("stat_file")
      .summary("Say what a file, folder or link is.")
      .keywords("size big exists modified permissions owner information about file")
      .resource(sandbox_of<FileName>)
      .example("One", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","path":"/etc/passwd"})")
      .handler(service, &SandboxService::stat_file);
  sandbox.operation<MoveFile, FileInfo>("move_file")
      .summary("Give a file, folder or link another name or place. A file that has it is replaced.")
      .keywords("rename mv file folder sandbox")
      .effect(Effect::write)
      .ephemeral()
      .resource(sandbox_of<MoveFile>)
      .example("A new name", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","from":"draft.md","to":"report.md"})")
      .handler(service, &SandboxService::move_file);
  sandbox.operation<FileName, FileName>("remove_file")
      .summary("Remove a file, a link, or a folder with all that is in it.")
      .keywords("delete rm erase file folder directory sandbox")
      .effect(Effect::destroy)
      .ephemeral()
      .resource(sandbox_of<FileName>)
      .example("A folder", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","path":"build"})")
      .handler(service, &SandboxService::remove_file);
  sandbox.operation<MakeFolder, FileInfo>("make_folder")
      .summary("Make a folder, and those on the way.")
      .keywords("mkdir new create directory folder")
      .effect(Effect::write)
      .ephemeral()
      .resource(sandbox_of<MakeFolder>)
      .example("One", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","path":"/srv/data/raw"})")
      .handler(service, &SandboxService::make_folder);
  sandbox.operation<UploadFiles, UploadedFiles>("upload_files")
      .summary("Unpack a tar into a folder of a sandbox.")
      .keywords("send copy whole directory tree many files archive tarball into sandbox")
      .description(
          "Owners are not taken over: all of it belongs to root of the sandbox. An entry that is absolute, "
          "climbs, "
          "leads out by a link or is a device is refused; what came before it stays.")
      .effect(Effect::write)
      .ephemeral()
      .body_in("tar")
      .resource(sandbox_of<UploadFiles>)
      .example("Nothing", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","path":"project","tar":""})")
      .handler(service, &SandboxService::upload_files);
  sandbox.operation<DownloadFiles, DownloadedFiles>("download_files")
      .summary("Pack what is in a folder of a sandbox into a tar.")
      .keywords("get copy whole directory tree many files project archive tarball zip out of sandbox")
      .description(
          "With Accept: application/octet-stream the tar streams as it is. What is mounted in the folder, "
          "such as "
          "/usr and /proc below /, is left out.")
      .body_out("tar")
      .resource(sandbox_of<DownloadFiles>)
      .example("The home folder", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &SandboxService::download_files);
  sandbox.operation<WatchFiles, WatchEnded>("watch_files")
      .summary("Tell the changes in a folder of a sandbox as they happen.")
      .keywords("notify monitor observe changes modified inotify file")
      .description(
          "Streams \"start\", then \"change\" events, {\"change\":...,\"path\":...}: create, write, remove, "
          "rename (its old name; the new one is created), chmod; overflow where some were lost. A sandbox "
          "that is "
          "watched is not paused.")
      .streams()
      .resource(sandbox_of<WatchFiles>)
      .example("With all that is below",
               R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","path":"project","recursive":true})")
      .handler(service, &SandboxService::watch_files);
}

void declare_code(kernel::Product& sandbox, SandboxService& service) {
  sandbox.operation<RunCode, RanCode>("run_code")
      .summary("Run code in a sandbox, on the state that earlier runs have left.")
      .keywords(
          "execute python javascript node js code snippet notebook calculate compute plot chart analyse data "
          "jupyter interpreter")
      .description(
          "Gives the value of the last expression and what was displayed, in all forms it has. Streams "
          "\"stdout\" and \"stderr\" events, {\"text\":...}, \"display\" for each result, and \"error\". "
          "Code "
          "that takes too long is interrupted, and its context goes on where it heeds that.")
      .effect(Effect::write)
      .ephemeral()
      .streams()
      .resource(sandbox_of<RunCode>)
      .example("Python", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","code":"x = 20\nx + 1"})")
      .example(
          "JavaScript, a minute at most",
          R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","language":"javascript","code":"[1, 2].length","timeout_s":60})")
      .handler(service, &SandboxService::run_code);
  sandbox.operation<CreateContext, CodeContext>("create_context")
      .summary("Make a context for code, with a state of its own.")
      .keywords("new kernel notebook session interpreter separate state variables")
      .effect(Effect::write)
      .ephemeral()
      .resource(sandbox_of<CreateContext>)
      .example("Python in a project's folder",
               R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","language":"python","cwd":"/root"})")
      .handler(service, &SandboxService::create_context);
  sandbox.operation<SandboxName, ContextList>("list_contexts")
      .summary("List a sandbox's code contexts.")
      .keywords("show kernels notebooks sessions interpreters")
      .resource(sandbox_of<SandboxName>)
      .example("All", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9"})")
      .handler(service, &SandboxService::list_contexts);
  sandbox.operation<ContextName, ContextName>("remove_context")
      .summary("Remove a code context with its state.")
      .keywords("delete kernel notebook session interpreter")
      .effect(Effect::destroy)
      .ephemeral()
      .resource(sandbox_of<ContextName>)
      .example("One", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","context":"ctx_00c1d2e3f4a5b6c7"})")
      .handler(service, &SandboxService::remove_context);
  sandbox.operation<ContextName, CodeContext>("restart_context")
      .summary("Let a code context begin anew, without its state.")
      .keywords("reset clear kernel notebook interpreter variables fresh state")
      .effect(Effect::destroy)
      .ephemeral()
      .resource(sandbox_of<ContextName>)
      .example("The default one of Python", R"({"id":"sbx_00c1d2e3f4a5b6c7d8e9","context":"python"})")
      .handler(service, &SandboxService::restart_context);
}

}  // namespace

void declare(kernel::Catalog& catalog, SandboxService& service) {
  auto& sandbox = catalog.add(
      "sandbox", "Isolated Linux environments that start in milliseconds, for code that nobody has read.");
  declare_life(sandbox, service);
  declare_work(sandbox, service);
  declare_trees(sandbox, service);
  declare_code(sandbox, service);
  declare_images(sandbox, service);
}

}  // namespace acloud::sandbox
