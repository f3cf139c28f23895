#include <array>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace claviger::cli {

void AddSignup(CLI::App& app, Action& chosen);
void AddVerifyEmail(CLI::App& app, Action& chosen);
void AddLogin(CLI::App& app, Action& chosen);
void AddLogout(CLI::App& app, Action& chosen);
void AddWhoami(CLI::App& app, Action& chosen);
void AddMfa(CLI::App& app, Action& chosen);
void AddAgent(CLI::App& app, Action& chosen);
void AddApiKey(CLI::App& app, Action& chosen);
void AddVault(CLI::App& app, Action& chosen);
void AddSecret(CLI::App& app, Action& chosen);
void AddPolicy(CLI::App& app, Action& chosen);
void AddShare(CLI::App& app, Action& chosen);
void AddCmek(CLI::App& app, Action& chosen);
void AddRotate(CLI::App& app, Action& chosen);
void AddRun(CLI::App& app, Action& chosen);
void AddAudit(CLI::App& app, Action& chosen);
void AddOrg(CLI::App& app, Action& chosen);
void AddIpRule(CLI::App& app, Action& chosen);
void AddHealth(CLI::App& app, Action& chosen);
void AddCompletion(CLI::App& app, Action& chosen);
void AddVersion(CLI::App& app, Action& chosen);

std::span<const Command> Commands() {
  static constexpr std::array kCommands = {
      Command{AddSignup},  Command{AddVerifyEmail}, Command{AddLogin},  Command{AddLogout},
      Command{AddWhoami},  Command{AddMfa},         Command{AddApiKey}, Command{AddAgent},
      Command{AddVault},   Command{AddSecret},      Command{AddPolicy}, Command{AddShare},
      Command{AddCmek},    Command{AddRun},         Command{AddRotate}, Command{AddAudit},
      Command{AddOrg},     Command{AddIpRule},      Command{AddHealth}, Command{AddCompletion},
      Command{AddVersion},
  };
  return kCommands;
}

int UsageError(const std::string& sentence) {
  Complain(sentence);
  return kExitUsage;
}

}  // namespace claviger::cli
