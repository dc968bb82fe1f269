import Dispatch
import Synchronization
import Workbench

/// The writing of a checkpoint on a background queue: it tells the mailbox how far it is, and can be called off.
final class ExportJob: Sendable {
  private let isCancelled = Atomic<Bool>(false)

  init(session: Session, target: Target, path: String, workers: Int?, mailbox: Mailbox<Notice>) {
    DispatchQueue.global(qos: .utility).async { [self] in
      do {
        let export = try session.write(checkpoint: target, to: path, workers: workers) { progress in
          mailbox.post(.exporting(progress))
          return !self.isCancelled.load(ordering: .relaxed)
        }
        mailbox.post(.exported(export, path: path))
      } catch is Cancelled {
        mailbox.post(.calledOff)
      } catch {
        mailbox.post(.failed("\(error)"))
      }
    }
  }

  func cancel() { isCancelled.store(true, ordering: .relaxed) }
}

/// The writing of a config: on a background queue where the model has many layers.
enum ConfigJob {
  /// Items from which on a text about all of them takes longer than a frame.
  static let longModel = 500

  static func start(_ session: Session, _ target: Target, _ path: String, mailbox: Mailbox<Notice>) {
    DispatchQueue.global(qos: .utility).async {
      do { mailbox.post(.written(try session.write(target, to: path))) } catch { mailbox.post(.notWritten("\(error)")) }
    }
  }
}

extension State {
  /// What was written and how to use it: in the status line, or, where it is longer, in a text over the screen.
  mutating func tell(_ export: Export) {
    let places = export.files.map { "\(printable($0.path)), \($0.bytes.count) bytes" }
    let usage = export.usage.split(separator: "\n", omittingEmptySubsequences: false).map { printable(String($0)) }
    say("wrote \(places.joined(separator: "; "))\(usage.count == 1 ? ": \(usage[0])" : "")")
    guard usage.count > 1 || places.count > 1 || !export.notes.isEmpty else { return }
    let notes = export.notes.isEmpty ? [] : [""] + export.notes
    popup = Popup(content: .text(title: "Written", lines: places + notes.flatMap(wrapped) + [""] + usage))
  }

  /// Says why something was not done; what takes several lines in a text over the screen.
  mutating func refuse(_ reason: String) {
    let lines = reason.split(separator: "\n").map { printable(String($0)) }
    complain(lines.first ?? reason)
    if lines.count > 1 { popup = Popup(content: .text(title: "Not written", lines: lines.flatMap(wrapped))) }
  }

  /// A line as many as the screen is wide enough for.
  func wrapped(_ line: String) -> [String] {
    var lines = [""]
    for word in line.split(separator: " ", omittingEmptySubsequences: false) {
      let next = lines[lines.count - 1].isEmpty ? String(word) : lines[lines.count - 1] + " " + word
      if TextWidth.columns(of: next) <= max(20, size.width - 6) || lines[lines.count - 1].isEmpty {
        lines[lines.count - 1] = next
      } else {
        lines.append("    " + word)
      }
    }
    return lines
  }
}
