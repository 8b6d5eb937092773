// jaxc: the command line. It uses nothing but the public API.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>

#include "commands.h"
#include "jaxc/error.h"

int main(int count, char** arguments) {
  CLI::App app("jaxc: compiles programs that JAX printed, for CPUs and GPUs", "jaxc");
  app.require_subcommand(1);
  int exit_code = 0;
  jaxc::tools::add_run(app);
  jaxc::tools::add_check(app, exit_code);
  jaxc::tools::add_dump(app);
  jaxc::tools::add_devices(app);
  jaxc::tools::add_primitives(app);
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const jaxc::Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  } catch (const jaxc::InternalError& error) {
    fmt::print(stderr, "internal error, please report it: {}\n", error.what());
    return 2;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: not enough memory for this program\n");
    return 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "internal error, please report it: {}\n", error.what());
    return 2;
  }
  return exit_code;
}
