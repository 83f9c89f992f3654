{{/* Names. 45 characters leave room for what Kubernetes and this chart append, within 63. */}}
{{- define "memc-kv.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 45 | trimSuffix "-" -}}
{{- end -}}

{{- define "memc-kv.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := include "memc-kv.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- $full | trunc 45 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "memc-kv.headlessName" -}}
{{- printf "%s-headless" (include "memc-kv.fullname" .) -}}
{{- end -}}

{{- define "memc-kv.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else -}}
{{- ternary (include "memc-kv.fullname" .) "default" .Values.serviceAccount.create -}}
{{- end -}}
{{- end -}}

{{/*
What selects pods. Never more than these three, in no object: selectors of a StatefulSet cannot change,
and a label that changes with a release would leave the pods of the other release out.
*/}}
{{- define "memc-kv.selectorLabels" -}}
app.kubernetes.io/name: {{ include "memc-kv.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: cache
{{- end -}}

{{/* Labels of an object: (dict "root" $ "component" "cache" "extra" map). Own ones are the strongest. */}}
{{- define "memc-kv.labels" -}}
{{- $root := .root -}}
{{- $own := dict
  "app.kubernetes.io/name" (include "memc-kv.name" $root)
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/component" (default "cache" .component)
  "app.kubernetes.io/part-of" (include "memc-kv.name" $root)
  "app.kubernetes.io/managed-by" $root.Release.Service
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63) -}}
{{- mergeOverwrite (dict) $root.Values.commonLabels (default dict .extra) $own | toYaml -}}
{{- end -}}

{{/* The whole `annotations:` of an object, or nothing: (dict "root" $ "extra" map). */}}
{{- define "memc-kv.annotations" -}}
{{- $all := mergeOverwrite (dict) .root.Values.commonAnnotations (default dict .extra) -}}
{{- with $all }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "memc-kv.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- $name := ternary .Values.image.repository (printf "%s/%s" $registry .Values.image.repository) (empty $registry) -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $name .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* Secrets for pulling: names, or {name: NAME} as Kubernetes writes them. */}}
{{- define "memc-kv.imagePullSecrets" -}}
{{- $names := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.imagePullSecrets -}}
{{- $names = append $names (ternary . (dict "name" .) (kindIs "map" .)) -}}
{{- end -}}
{{- with $names | uniq }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* True in the sense of templates when the cluster is at least of that version. */}}
{{- define "memc-kv.kubernetes" -}}
{{- if semverCompare (printf ">=%s-0" .version) .root.Capabilities.KubeVersion.Version -}}true{{- end -}}
{{- end -}}

{{/* How many pods there may be: what decides about objects that only make sense for several. */}}
{{- define "memc-kv.replicasMax" -}}
{{- ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled | int64 -}}
{{- end -}}

{{- define "memc-kv.authSecret" -}}
{{- default (printf "%s-auth" (include "memc-kv.fullname" .)) .Values.auth.existingSecret -}}
{{- end -}}

{{- define "memc-kv.authKey" -}}
{{- ternary .Values.auth.existingSecretKey "users" (not (empty .Values.auth.existingSecret)) -}}
{{- end -}}

{{- define "memc-kv.usersFile" -}}
{{- range .Values.auth.users }}
{{- printf "%s:%s\n" .name .password }}
{{- end }}
{{- end -}}
