/** The routes of the team. Each page is loaded with its texts when somebody goes there. */
import type { RouteRecordRaw } from 'vue-router'
import { withTexts } from '@/locales'

const idOf = ({ params }: { params: Record<string, unknown> }) => ({ id: Number(params['id']) })

type Area = typeof import('./area')
/** One of the pages that are loaded together. */
const of = (name: keyof Area) => async () => (await import('./area'))[name]

/** A page of its own below one of the navigation's: on a phone it has the screen for itself. */
const deep = { deep: true }

export const teamRoutes: RouteRecordRaw = {
  path: 'team',
  component: withTexts(['team'], of('TeamArea')),
  children: [
    { path: '', name: 'team', component: of('TeamHome') },
    { path: 'people', name: 'people', component: of('PeopleList') },
    { path: 'people/new', name: 'newPerson', component: of('PersonPage'), meta: { page: 'people', ...deep } },
    {
      path: 'people/:id(\\d+)',
      name: 'person',
      component: of('PersonPage'),
      props: idOf,
      meta: { page: 'people', ...deep },
    },
    { path: 'roles', name: 'roles', component: of('RoleList') },
    { path: 'roles/new', name: 'newRole', component: of('RolePage'), meta: { page: 'roles', ...deep } },
    { path: 'roles/:id(\\d+)', name: 'role', component: of('RolePage'), props: idOf, meta: { page: 'roles', ...deep } },
    { path: 'groups', name: 'groups', component: of('GroupList') },
    { path: 'groups/new', name: 'newGroup', component: of('GroupPage'), meta: { page: 'groups', ...deep } },
    {
      path: 'groups/:id(\\d+)',
      name: 'group',
      component: of('GroupPage'),
      props: idOf,
      meta: { page: 'groups', ...deep },
    },
    { path: 'members', name: 'members', component: withTexts(['members'], of('MembersPage')) },
    { path: 'keys', name: 'keys', component: withTexts(['keys'], of('KeysPage')) },
    { path: 'audit', name: 'audit', component: withTexts(['audit', 'channels', 'keys'], of('AuditPage')) },
    { path: 'settings', name: 'settings', component: of('SettingsPage') },
  ],
}
