// What an outside server says of its tools, made fit for the catalog.
//
// Nothing of it is trusted: names are mapped to the catalog's, texts lose what a terminal or a reader would
// not show, schemas are put into the shape that every surface reads, and everything has a size that it must
// keep to. A tool that does not fit is left out, with the reason, and the others are taken.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/schema.h"

namespace acloud::mcp {

struct Tool {
  std::string name;       // the server's
  std::string operation;  // the catalog's
  std::string summary;    // one line
  std::string description;
  // By the book (2025-11-25, ToolAnnotations): a tool that says nothing may destroy, and reaches out.
  bool read_only = false;
  bool destructive = true;
  bool open_world = true;
  OrderedJson request;  // JSON Schema of an object, with properties and required
  OrderedJson reply;    // of its structured content; null where there is none
  // Arguments that revision 2026-07-28 wants in the header Mcp-Param-<first> too.
  std::vector<std::pair<std::string, std::string>> headers;

  bool operator==(const Tool&) const = default;
};

struct RefusedTool {
  std::string tool;
  std::string reason;
};

// "get-Sum" and "getSum" become "get_sum"; "" where nothing is left.
std::string operation_name(std::string_view tool);
// `text` without control characters, without those that turn or hide text, at most `bytes` long.
std::string plain_text(std::string_view text, std::size_t bytes);

// Takes a list page by page.
class ToolList {
 public:
  static constexpr std::size_t kTools = 1000;
  static constexpr std::size_t kBytes = 8 << 20;         // of all schemas and texts
  static constexpr std::size_t kSchemaBytes = 64 << 10;  // of one
  static constexpr std::size_t kDepth = 32;
  static constexpr std::size_t kProperties = 256;
  static constexpr std::size_t kOperationBytes = 64;  // "<server>_<operation>": models take no longer names
  static constexpr std::size_t kRefused = 100;        // are remembered

  // `server` is the name that the operations are under; `patterns`: which tools are wanted, empty: all.
  ToolList(std::string server, std::vector<std::string> patterns)
      : server_(std::move(server)), patterns_(std::move(patterns)) {}

  // The result of tools/list. Errors: unavailable: it is no such result.
  Result<> add(const Json& result);
  // What is taken, in the server's order. Tools whose names would be one operation are all left out, since
  // which was meant can't be told.
  std::vector<Tool> finish();
  // After finish().
  const std::vector<RefusedTool>& refused() const { return refused_; }

 private:
  Result<Tool> read(const Json& entry);
  void refuse(std::string_view tool, std::string reason);

  std::string server_;
  std::vector<std::string> patterns_;
  std::vector<Tool> tools_;
  std::vector<RefusedTool> refused_;
  std::size_t seen_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace acloud::mcp
