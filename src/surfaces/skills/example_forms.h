// An example of an operation, in the forms in which an agent may call it. Pure.
#pragma once

#include <set>
#include <string>

#include "kernel/catalog.h"

namespace acloud::surfaces::skills {

// The names of the shell variables that a script sets at the beginnings of its lines ("SBX=$(...)").
std::set<std::string> variables_of(std::string_view script);

// What of a set-up `operation` needs: the lines that set `wanted` variables, and those that these lines use;
// lines that set none, but for those that end with "# for NAME, ..." and don't name it, which is taken off.
std::string set_up_for(std::string_view script, std::string_view operation, std::set<std::string> wanted);

// An example's request in which what nobody can know beforehand, such as the id of a sandbox, is a variable:
// a field is one where the set-up sets its name in capitals (pid: PID), an identifier where it sets its
// prefix (sbx_00c1...: SBX).
class ExampleForms {
 public:
  ExampleForms(const kernel::Operation& operation, const kernel::OperationExample& example,
               const std::set<std::string>& variables);

  // The variables in it.
  std::set<std::string> used() const;
  // {"id":"$SBX","pid":$PID}: for people and for JSON templates.
  std::string json() const;
  // A command for a shell in which ACLOUD_URL, ACLOUD_API_KEY and the variables are set.
  std::string curl() const;
  std::string cli() const;
  // The parameters of tools/call at /mcp.
  std::string mcp() const;

 private:
  const kernel::Operation& operation_;
  OrderedJson request_;  // variables are strings that begin with kMark
};

// `text` as one word of a POSIX shell.
std::string shell_word(std::string_view text);

}  // namespace acloud::surfaces::skills
