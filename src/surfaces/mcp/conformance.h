// The tools, resources and prompts that the public MCP conformance suite names, offered through the same code
// as the catalog. They touch nothing of the cloud.
#pragma once

#include <memory>

#include "surfaces/mcp/changes.h"
#include "surfaces/mcp/offer.h"

namespace acloud::surfaces::mcp {

// Some of the tools publish changes. REQUIRES: `changes` outlives the offer.
std::unique_ptr<Offer> conformance_offer(Changes& changes);

// A fixture: how it is listed, and what it does.
struct Fixture {
  using Run = Task<Rpc<std::string>> (*)(Exchange& exchange, Json arguments, Changes& changes);
  Tool tool;
  Run run;
};
// By what they show: contents, questions, tasks.
void add_content_fixtures(std::vector<Fixture>& fixtures);
void add_question_fixtures(std::vector<Fixture>& fixtures);
void add_task_fixtures(std::vector<Fixture>& fixtures);
// Appends a tool whose request is any object with `properties`, of which `required` must be there.
Fixture& add_fixture(std::vector<Fixture>& fixtures, std::string name, std::string description,
                     Fixture::Run run, OrderedJson properties = OrderedJson::object(),
                     OrderedJson required = OrderedJson::array());

inline constexpr std::string_view kPixelPng =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

// A form for a person to fill in.
OrderedJson form_question(std::string message, OrderedJson properties, OrderedJson required);

}  // namespace acloud::surfaces::mcp
