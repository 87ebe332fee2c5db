// The code contexts of one sandbox: interpreters by name, each made at its first use and made anew after it
// has ended. They end with the sandbox, and with the server.
//
// Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "sandbox/code/interpreter.h"
#include "sandbox/lock.h"

namespace acloud::sandbox::code {

struct Context {
  std::string name;
  Language language;
  std::string cwd;
  Lock lock;  // of what follows: one cell at a time
  std::unique_ptr<Interpreter> interpreter;
  std::atomic<std::int64_t> count{0};
};

class Contexts {
 public:
  static constexpr std::size_t kMost = 32;

  // Errors: not_found; invalid_argument: it is there, in another language. A context that has a language's
  // name is made where it is missing. Shared with the calls that run in it, whichever goes last.
  Result<std::shared_ptr<Context>> find(std::optional<std::string> name, std::optional<Language> language);
  // Errors: conflict (that name is taken), too_large (there are kMost).
  Result<std::shared_ptr<Context>> add(std::string name, Language language, std::string cwd);
  std::vector<std::shared_ptr<Context>> all() const;
  // A Python that was started before anybody asked for it, in kHome and with the environment of a sandbox
  // that has none of its own; given once. Null where there is none, or it has gone.
  void give_spare(std::unique_ptr<Interpreter> python);
  std::unique_ptr<Interpreter> take_spare();
  // Errors: not_found.
  Result<std::shared_ptr<Context>> remove(const std::string& name);

 private:
  Result<std::shared_ptr<Context>> add_locked(std::string name, Language language, std::string cwd);

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Context>> contexts_;
  std::unique_ptr<Interpreter> spare_;
};

}  // namespace acloud::sandbox::code
