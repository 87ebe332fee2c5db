#include "cli/testing/sample_catalog.h"

namespace acloud::cli::testing {

std::string sample_catalog() {
  return R"({"version": "9.9.9", "products": [
    {"name": "object", "summary": "Values by name.", "operations": [
      {"name": "put", "summary": "Store a value.", "description": "Replaces what was there.", "effect": "write",
       "body_in": "content",
       "request": {"type": "object", "required": ["bucket", "key"], "additionalProperties": false, "properties": {
         "bucket": {"type": "string", "description": "Where."},
         "key": {"type": "string", "description": "Under which name."},
         "content": {"type": "string"},
         "content_type": {"type": "string", "default": "text/plain"}}},
       "reply": {"type": "object"},
       "examples": [{"summary": "Greet.", "request": {"bucket": "b", "key": "k", "content": "it's me"}}]},
      {"name": "get", "summary": "Read a value.", "effect": "read", "body_out": "content",
       "request": {"type": "object", "required": ["bucket", "key"],
                   "properties": {"bucket": {"type": "string"}, "key": {"type": "string"}}}},
      {"name": "list_buckets", "summary": "All buckets.", "effect": "read", "list": true,
       "request": {"type": "object", "properties": {"limit": {"type": "integer", "minimum": 1},
                                                    "cursor": {"type": "string"}}}}]},
    {"name": "sandbox", "summary": "Linux in a box.", "operations": [
      {"name": "create", "summary": "Start one.", "effect": "spend",
       "request": {"type": "object", "$defs": {"limits": {"type": "object", "properties": {
                     "memory_bytes": {"type": "integer"}, "cpus": {"type": "number"}}}},
         "properties": {
           "image": {"type": "string", "enum": ["base", "python"]},
           "env": {"type": "object", "additionalProperties": {"type": "string"}},
           "secrets": {"type": "array", "items": {"type": "string"}},
           "mounts": {"type": "array", "items": {"type": "object", "properties": {"path": {"type": "string"}}}},
           "limits": {"$ref": "#/$defs/limits"},
           "wait": {"type": "boolean"},
           "anything": {}}}},
      {"name": "exec", "summary": "Run a command.", "effect": "spend", "streams": true,
       "request": {"type": "object", "required": ["id", "command"], "properties": {
           "id": {"type": "string"},
           "command": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
           "timeout_s": {"type": "integer"}}}}]}]})";
}

}  // namespace acloud::cli::testing
