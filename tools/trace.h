// Trace: what happened when, as Chrome's trace viewer and Perfetto read it.
#pragma once

#include <string>

#include "jaxc/jaxc.h"

namespace jaxc::tools {

/// Events of one thread, each inside the one that spans it (Trace Event Format, complete events).
class Trace {
 public:
  /// `begin` and `duration` in milliseconds.
  void add(std::string name, double begin, double duration, std::string detail = {});
  /// The passes of a compilation that began at `begin`, one after another.
  void add_passes(const Executable& executable, double begin);
  /// The steps of the program's runs, which began at `begin`: each as long as all its calls together.
  void add_steps(const Executable& executable, double begin);
  /// Throws Error when the file cannot be written.
  void save(const std::string& path) const;

 private:
  struct Event {
    std::string name;
    double begin = 0;
    double duration = 0;
    std::string detail;
  };
  std::vector<Event> events_;
};

}  // namespace jaxc::tools
