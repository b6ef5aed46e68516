# Copyright (c) homeserver.exposure contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of every module that changes stacks: where things are kept on a host."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  projects_directory:
    description: Directory of the compose projects, a release tree for each.
    type: path
    default: /etc/exposure/stacks
  secrets_directory:
    description: Where the generated secrets are kept, a file of mode 0600 for each stack.
    type: path
    default: /etc/exposure/secrets
  records_directory:
    description: Where is written down what is to be known of apps, such as what is unfinished.
    type: path
    default: /etc/exposure/apps
  backups_directory:
    description: Where backups are kept, a folder for each stack.
    type: path
    default: /var/backups/exposure
  backups_kept:
    description: How many backups of a stack are kept.
    type: int
    default: 3
"""
