#include "daemon/command_line.h"

#include <boost/program_options.hpp>

namespace claviger::daemon {

namespace po = boost::program_options;

Outcome<CommandLine> ParseCommandLine(int argc, char** argv) {
  CommandLine line;
  if (argc == 2 && argv[1] == std::string_view("--version")) {
    line.command = "version";
    return line;
  }
  int first_option = 1;
  // One word or several: "rotate token-key".
  for (; first_option < argc && argv[first_option][0] != '-'; ++first_option) {
    if (!line.command.empty()) line.command += ' ';
    line.command += argv[first_option];
  }
  po::options_description options;
  options.add_options()("config", po::value(&line.config_file));
  options.add_options()("output", po::value(&line.output)->default_value("text"));
  options.add_options()("manifest", po::value(&line.manifest));
  options.add_options()("help,h", po::bool_switch(&line.help));
  options.add_options()("dns", po::value(&line.dns));
  options.add_options()("ip", po::value(&line.ip));
  options.add_options()("new-key", po::bool_switch(&line.new_key));
  options.add_options()("to", po::value(&line.to));
  options.add_options()("pin-file", po::value(&line.pin_file));
  options.add_options()("nodes-ready", po::bool_switch(&line.nodes_ready));
  options.add_options()("drop-unused", po::bool_switch(&line.drop_unused));
  options.add_options()("of-next-token", po::bool_switch(&line.of_next_token));
  options.add_options()("account", po::value(&line.account));
  options.add_options()("allow-root", po::bool_switch(&line.allow_root));
  try {
    const std::vector<std::string> words(argv + std::min(first_option, argc), argv + argc);
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    const auto parsed =
        po::command_line_parser(words).options(options).style(style).allow_unregistered().run();
    po::variables_map values;
    po::store(parsed, values);
    po::notify(values);
    line.config_flags = po::collect_unrecognized(parsed.options, po::include_positional);
  } catch (const po::error& error) {
    return Refusal{ExitCode::kUsage, Invalid(error.what())};
  }
  if (line.output != "text" && line.output != "json") {
    return Refusal{ExitCode::kUsage, Invalid("--output must be text or json")};
  }
  return line;
}

}  // namespace claviger::daemon
