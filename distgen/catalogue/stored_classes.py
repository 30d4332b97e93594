"""The records that a catalogue consists of, for what keeps it."""

from __future__ import annotations

from distgen.model import catalogue, deployment, dist_git, export_settings, policy, releases, words
from distgen.schema.scalar import Scalar

CLASSES: tuple[type, ...] = (
    *(catalogue.Catalogue, catalogue.Download, catalogue.Image, catalogue.ImageProblem),
    *(catalogue.Layer, catalogue.Namespace, catalogue.Parent, catalogue.RenderLimits),
    *(catalogue.Source, catalogue.SourceChange, catalogue.Stream, catalogue.TagPolicy),
    *(catalogue.Template, catalogue.TemplateFile, export_settings.ExportSettings),
    *(deployment.Deployment, deployment.EnvironmentValue, deployment.HealthCheck),
    *(deployment.Service, dist_git.DistGit, policy.Policy, policy.Retention),
    *(policy.RuleSettings, releases.ReleaseChoice, releases.TaggedComponent),
    *(releases.TagStreams, words.Origin, Scalar),
)
SHARED: tuple[type, ...] = (
    *(catalogue.Layer, catalogue.Stream, catalogue.TemplateFile),
    export_settings.ExportSettings,
)
"""Records that many images hold, and that take room."""
