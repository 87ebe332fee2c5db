// What the cloud has to read: Skills and pages of documentation. Made once at the start, from the catalog and
// the texts of the program; the site, the well-known addresses and MCP serve the same.
#pragma once

#include <string>
#include <vector>

#include "base/schema.h"

namespace acloud::surfaces {

struct SkillFile {
  std::string path;  // within the skill's folder: "SKILL.md", "references/operations.md"
  std::string content;
};

// A Skill in the form of agentskills.io.
struct Skill {
  std::string name;  // of its folder: "acloud-object"
  std::string description;
  OrderedJson frontmatter;       // the front matter of its SKILL.md as JSON, the same in content
  std::vector<SkillFile> files;  // SKILL.md first
  std::string product;           // that it is about; "" for the cloud as a whole
};

struct Page {
  std::string path;  // "cli.md", as under docs/
  std::string title;
  std::string text;  // Markdown
};

class Library {
 public:
  virtual ~Library() = default;
  virtual const std::vector<Skill>& skills() const = 0;
  virtual const std::vector<Page>& pages() const = 0;
};

}  // namespace acloud::surfaces
