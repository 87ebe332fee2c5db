// The steps of ledger_property_test.cc.
#pragma once

#include <rapidcheck.h>

#include <array>
#include <cstdint>
#include <ostream>

namespace acloud::ledger::testing {

constexpr std::size_t kCallsAtOnce = 6;

// What may happen to a ledger.
enum class Deed {
  call,         // a whole one, from its hold to its settlement
  begin,        // held, and the provider reads the prompt
  go_on,        // the provider writes, the server notes what came
  fail,         // the provider fails without having used anything; the call is tried with another hold
  finish,       // the provider's own figures come, and the record is kept
  break_off,    // the client hangs up: what came is charged
  lose_record,  // as finish, but the disk refuses the record
  die_settled,  // as finish, but the server is killed between the record and the slot's release
  kill,         // the server, with all calls under way
  wait,         // a second or two
  next_hour,
  set_budget,
  reserve,       // a call is answered, and what it asked for is made later
  lose_reserve,  // as reserve, but the disk refuses it
  make,          // what was asked for is there, and told twice
  make_none,     // the provider could not make it
  lose_make,     // as make, but the disk refuses the record the first time
};

struct Step {
  Deed deed{};
  std::size_t call = 0;     // of those under way
  std::int64_t input = 0;   // tokens
  std::int64_t output = 0;  // tokens at most, and the tokens that come
  int sort = 0;             // how the input is sorted into buckets; images, and which resolution
};

inline std::ostream& operator<<(std::ostream& out, const Step& step) {
  constexpr std::array kNames{"call",        "begin",        "go_on", "fail",      "finish",    "break_off",
                              "lose_record", "die_settled",  "kill",  "wait",      "next_hour", "set_budget",
                              "reserve",     "lose_reserve", "make",  "make_none", "lose_make"};
  return out << kNames.at(static_cast<std::size_t>(step.deed)) << "(call " << step.call << ", in "
             << step.input << ", out " << step.output << ", sort " << step.sort << ")";
}

inline rc::Gen<Step> any_step() {
  using enum Deed;
  return rc::gen::build<Step>(rc::gen::set(&Step::deed, rc::gen::weightedElement<Deed>({{30, call},
                                                                                        {20, begin},
                                                                                        {20, go_on},
                                                                                        {3, fail},
                                                                                        {12, finish},
                                                                                        {4, break_off},
                                                                                        {2, lose_record},
                                                                                        {1, die_settled},
                                                                                        {1, kill},
                                                                                        {2, wait},
                                                                                        {1, next_hour},
                                                                                        {2, set_budget},
                                                                                        {8, reserve},
                                                                                        {1, lose_reserve},
                                                                                        {6, make},
                                                                                        {2, make_none},
                                                                                        {1, lose_make}})),
                              rc::gen::set(&Step::call, rc::gen::inRange<std::size_t>(0, kCallsAtOnce)),
                              rc::gen::set(&Step::input, rc::gen::inRange<std::int64_t>(0, 3000)),
                              rc::gen::set(&Step::output, rc::gen::inRange<std::int64_t>(0, 2000)),
                              rc::gen::set(&Step::sort, rc::gen::inRange(0, 4)));
}

}  // namespace acloud::ledger::testing
